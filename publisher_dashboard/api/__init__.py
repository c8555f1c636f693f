"""The JSON API: what the pages show and do, for a publisher's programs."""
