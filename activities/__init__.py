"""Acts: what workflows ask of the world. Classes whose stores and channels arrive by constructor, as Protocols."""
