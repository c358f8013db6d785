"""Every figure Headgate states, each by one command. Outputs are kept in docs/benchmarks."""
