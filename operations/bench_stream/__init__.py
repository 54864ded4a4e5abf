"""Measures the event stream: how soon thousands of clients hear of a commit, and what each of them costs."""
