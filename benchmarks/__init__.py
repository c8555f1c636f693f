"""How fast farebox is, beside its peers and the limits of what it is built on: `make bench` (docs/benchmarks.md)."""
