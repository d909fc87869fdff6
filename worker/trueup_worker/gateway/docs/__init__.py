"""The OpenAPI document, and the pages that show it to people: Swagger UI and Redoc.

Both readers come whole out of the package `fastapi-offline`; what lies in `static` starts them. Nothing is loaded from
another host, and the content security policy of both pages forbids it.
"""
