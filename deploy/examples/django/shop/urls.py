"""Where deals are won."""

from django.urls import path

from shop import views

urlpatterns = [path("deals", views.win)]
