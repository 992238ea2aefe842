# The whole example, planned and applied against mocked AWS: nothing is reached, every expression is evaluated.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }

  mock_data "aws_route53_zone" {
    defaults = { zone_id = "Z0000000000000" }
  }
}

override_resource {
  target = module.certificates.aws_acm_certificate.viewer
  values = {
    arn = "arn:aws:acm:us-east-1:123456789012:certificate/viewer"
    domain_validation_options = [
      { domain_name = "live.example.com", resource_record_name = "_1.live.example.com", resource_record_type = "CNAME", resource_record_value = "_1.acm.example" },
    ]
  }
}

override_resource {
  target = module.certificates.aws_acm_certificate.regional
  values = {
    domain_validation_options = [
      { domain_name = "edge.live.example.com", resource_record_name = "_2.live.example.com", resource_record_type = "CNAME", resource_record_value = "_2.acm.example" },
      { domain_name = "*.ingest.live.example.com", resource_record_name = "_3.live.example.com", resource_record_type = "CNAME", resource_record_value = "_3.acm.example" },
    ]
  }
}

variables {
  zone_name   = "example.com"
  cdn_secrets = ["0123456789abcdef0123456789abcdef"]

  cells = {
    a = { channels = ["atelier", "outlet"] }
    b = { channels = ["gala"], cpu = 16384, memory_mib = 32768, always_on = false }
  }

  images = {
    origin          = "r/vitrine@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    edge            = "r/vitrine-edge@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    collector       = "r/collector@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    repository_arns = ["arn:aws:ecr:eu-central-1:123456789012:repository/vitrine"]
  }

  shows = {
    gala = { raise = "at(2026-12-05T19:30:00)", lower = "at(2026-12-05T22:30:00)", timezone = "Europe/Berlin", min_edges = 12 }
  }
}

run "everything_is_created" {
  assert {
    condition     = output.obs == { a = "rtmps://a.ingest.live.example.com:443/live", b = "rtmps://b.ingest.live.example.com:443/live" }
    error_message = "each cell has its server for OBS"
  }

  assert {
    condition     = output.viewer_urls == ["https://live.example.com"]
    error_message = "viewers begin at the host of the zone"
  }

  assert {
    condition     = keys(output.config_secret_arns) == ["a", "b"]
    error_message = "each cell has its secret"
  }
}

run "a_standby_region_and_signed_cookies" {
  variables {
    allowed_origins = ["https://shop.example.com"]
    signing_keys    = { k1 = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n" }

    standby = {
      balancer = { dns_name = "standby.elb.example", zone_id = "Z1" }
      ingests  = { a = { dns_name = "standby-a.elb.example", zone_id = "Z1" } }
    }
  }

  assert {
    condition     = keys(output.signing_key_ids) == ["k1"]
    error_message = "the key's id is what cookies name"
  }
}
