"""The graph as it is read: nodes, what is constant, products that are joined, and how much of it there may be."""
