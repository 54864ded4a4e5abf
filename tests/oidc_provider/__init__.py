"""A certified OpenID provider, run by Node, and the browser of somebody who signs in there."""
