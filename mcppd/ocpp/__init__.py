"""The language: text in, model out. Sans-I/O, and without a clock. README.md here says what is where."""
