"""Peers side by side, in one process and in turns: what stands in the README and in docs/benchmarks.md."""
