"""The routes, a module for each kind of object. Thin: from the call to the use case or the read, and to the answer."""
