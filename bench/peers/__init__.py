"""Everything that a user could pick instead, side by side on one layer: `make bench-peers`, docs/peers.md."""
