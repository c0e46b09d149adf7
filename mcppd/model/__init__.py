"""The vocabulary: frozen data and pure rules that every other floor speaks in. No I/O, no JSON, no clock."""
