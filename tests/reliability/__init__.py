"""What is promised for years on machines that nobody looks at, measured: `make reliability` writes the figures down."""
