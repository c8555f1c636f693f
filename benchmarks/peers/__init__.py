"""The servers that farebox is measured beside; they run in `benchmarks/.peers` and import nothing of farebox."""
