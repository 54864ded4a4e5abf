"""Throws made-up requests at the API, by the document that it publishes, as everybody that there is."""
