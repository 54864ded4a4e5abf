"""HTTP itself: what is the same for every area, and knows none of them."""
