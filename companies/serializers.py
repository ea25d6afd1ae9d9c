from companies.models import Company, Credential, Identifier, Industry, Office, Source, Specialty
from directory.api.fields import RangeField, Reference, TextField
from directory.api.serializers import ChildSerializer, DocumentSerializer
from hubs.models import Hub, Program


class IndustrySerializer(DocumentSerializer):
    class Meta(DocumentSerializer.Meta):
        model = Industry
        fields = ["id", "slug", "url", "revision", "name", "aliases", "created_at", "updated_at"]


class SpecialtySerializer(DocumentSerializer):
    parent = Reference(  # type: ignore[assignment]  # DRF's own parent is set by bind(), later
        queryset=Specialty.objects, required=False, allow_null=True
    )

    class Meta(DocumentSerializer.Meta):
        model = Specialty
        fields = [
            *("id", "slug", "url", "revision", "name", "parent", "emerging", "aliases"),
            *("created_at", "updated_at"),
        ]


class OfficeSerializer(ChildSerializer):
    hub = Reference(queryset=Hub.objects)

    class Meta:
        model = Office
        fields = ["hub", "address"]


class CredentialSerializer(ChildSerializer):
    class Meta:
        model = Credential
        fields = ["kind", "name", "issuer", "valid_from", "valid_until"]


class IdentifierSerializer(ChildSerializer):
    class Meta:
        model = Identifier
        fields = ["scheme", "value"]


class SourceSerializer(ChildSerializer):
    class Meta:
        model = Source
        fields = ["reference", "facts", "seen_on"]


class CompanySerializer(DocumentSerializer):
    domain = TextField(read_only=True, allow_blank=True, help_text="The website's, without www. and the like.")
    employees = RangeField(help_text="How many people work there; “500+” has no max.")
    hourly_rate = RangeField(unit={"currency": "USD"}, help_text="What an hour of work costs.")
    hub = Reference(queryset=Hub.objects, required=False, allow_null=True)
    offices = OfficeSerializer(many=True, required=False)
    specialties = Reference(queryset=Specialty.objects, many=True, required=False)
    industries = Reference(queryset=Industry.objects, many=True, required=False)
    programs = Reference(queryset=Program.objects, many=True, required=False)
    credentials = CredentialSerializer(many=True, required=False)
    identifiers = IdentifierSerializer(many=True, required=False)
    sources = SourceSerializer(many=True, required=False)

    class Meta(DocumentSerializer.Meta):
        model = Company
        fields = [
            *("id", "slug", "url", "revision", "name", "legal_name", "aliases", "kind", "operating_status"),
            *(
                "summary",
                "description",
                "website",
                "domain",
                "founded_year",
                "employees",
                "hourly_rate",
                "hub",
            ),
            *("offices", "specialties", "industries", "export_markets", "women_led"),
            *("research_and_development", "credentials", "identifiers", "programs", "sources", "verified_on"),
            *("created_at", "updated_at"),
        ]
