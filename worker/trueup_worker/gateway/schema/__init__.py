"""Bodies of calls, and the OpenAPI document that is made of them and of the answers."""
