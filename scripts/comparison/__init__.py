"""The comparison with peers: `scripts/compare` runs it, docs/benchmarks.md is what it writes."""
