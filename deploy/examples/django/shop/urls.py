"""URL of the view that wins a deal."""

from django.urls import path

from shop import views

urlpatterns = [path("deals", views.win)]
