"""Tasks on real data: what to learn, from where, and how well."""
