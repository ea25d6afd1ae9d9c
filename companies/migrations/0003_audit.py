from django.db import migrations, models


class Migration(migrations.Migration):
    """A merge keeps its steps, too."""

    dependencies = [("companies", "0002_roles")]

    operations = [
        migrations.RemoveConstraint(model_name="step", name="step_is_one_of_the_workflow"),
        migrations.AddConstraint(
            model_name="step",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("after", "draft"), ("before", "")),
                    models.Q(("after", "in_review"), ("before", "")),
                    models.Q(("after", "published"), ("before", "")),
                    models.Q(("after", "in_review"), ("before", "draft")),
                    models.Q(("after", "published"), ("before", "draft")),
                    models.Q(("after", "draft"), ("before", "in_review")),
                    models.Q(("after", "published"), ("before", "in_review")),
                    models.Q(("after", "withdrawn"), ("before", "published")),
                    models.Q(("after", "published"), ("before", "withdrawn")),
                    models.Q(("after", "draft"), ("before", "withdrawn")),
                    models.Q(("after", "withdrawn"), ("before", "draft")),
                    models.Q(("after", "withdrawn"), ("before", "in_review")),
                    models.Q(("after", "in_review"), ("before", "withdrawn")),
                    _connector="OR",
                ),
                name="step_is_one_of_the_workflow",
                violation_error_message="The workflow has no such step.",
            ),
        ),
    ]
