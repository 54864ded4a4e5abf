"""What proves who is asking: passwords, tokens, keys, second factors, and how often one may try."""
