from partners.public_views import PublicView as PublicView  # Django looks for models here
