"""Bodies of calls, and what routes tell of themselves for the OpenAPI document."""
