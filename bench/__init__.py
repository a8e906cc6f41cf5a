"""What a check costs, beside other ways of doing it. `make bench` runs all of it; `docs/performance.md` is its page."""
