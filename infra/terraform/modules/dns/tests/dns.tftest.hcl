mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
}

variables {
  zone_id        = "Z0"
  viewer_domains = ["live.example.com"]
  distribution   = { domain_name = "d.cloudfront.example", hosted_zone_id = "Z2" }
  edge_domain    = "edge.live.example.com"

  balancers = {
    primary = { dns_name = "p.elb.example", zone_id = "Z1", arn_suffix = "app/p/1", target_group_arn_suffix = "targetgroup/p/1" }
    standby = { dns_name = "s.elb.example", zone_id = "Z1" }
  }

  ingests = {
    "a.ingest.live.example.com" = {
      primary = { dns_name = "pa.elb.example", zone_id = "Z1", arn_suffix = "net/pa/1", target_group_arn_suffix = "targetgroup/pa/1" }
    }
  }
}

run "a_host_with_a_standby_fails_over_to_it" {
  assert {
    condition     = keys(aws_route53_record.standby) == ["edge.live.example.com"] && aws_route53_record.standby["edge.live.example.com"].failover_routing_policy[0].type == "SECONDARY"
    error_message = "the edges have one, the cell has none"
  }

  assert {
    condition     = alltrue([for host, record in aws_route53_record.primary : record.health_check_id == aws_route53_health_check.healthy[host].id])
    error_message = "a primary is left when its own health check fails"
  }
}

run "viewers_have_ipv4_and_ipv6" {
  assert {
    condition     = [for record in values(aws_route53_record.viewers) : record.type] == ["A", "AAAA"]
    error_message = "both"
  }
}
