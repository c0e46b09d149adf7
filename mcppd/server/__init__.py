"""The senses: the doors through which charge points, people and machines come in."""
