"""The shapes of bodies and answers, and the OpenAPI document that is made of them."""
