"""The pure core: no socket, clock, environment, log or await; ``now`` is always an argument."""
