"""The hot path: the gate in front of a publisher's origin, and what it needs to run."""
