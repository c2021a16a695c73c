"""A load generator: many conversations at real time against one server, and what they measured."""
