"""The URLs of django-helpdesk, and nothing else."""

from django.urls import include, path

urlpatterns = [path("", include("helpdesk.urls"))]
