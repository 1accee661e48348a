"""Creates django-helpdesk's tables, its mail templates and one public queue."""

import django
from django.core.management import call_command

django.setup()
call_command("migrate", verbosity=0)

from helpdesk.models import EmailTemplate, Queue  # noqa: E402

assert EmailTemplate.objects.filter(template_name="newticket_submitter").exists()
Queue.objects.create(
    title="Complaints",
    slug="complaints",
    email_address="service@example.org",
    allow_public_submission=True,
)
