"""As little as Django needs, and where Trueup is."""

import os

TRUEUP = {
    "broker_url": os.environ["TRUEUP_BROKER_URL"],
    "database_url": os.environ["TRUEUP_DATABASE_URL"],  # requests are kept here, and have their outcomes here
    "redis_url": os.environ.get("TRUEUP_REDIS_URL"),
    "token": os.environ["TRUEUP_TOKEN"],
    "account": os.environ.get("TRUEUP_ACCOUNT", "default"),
    "room_wait_s": 2,  # a visitor does not wait long for a broker: what is not sent now, send_commits sends
    "retry_s": 2,
}

SECRET_KEY = os.environ.get("SECRET_KEY", "only for trying it out")
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLED_APPS = ["shop"]
ROOT_URLCONF = "shop.urls"
USE_TZ = True
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("SHOP_DATABASE", "shop.sqlite3")}
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"django": {"handlers": ["console"], "level": "WARNING"}},
}
