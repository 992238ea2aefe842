mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
}

variables {
  name        = "live-shop"
  zones       = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k"
}

run "no_two_subnets_overlap" {
  assert {
    condition     = [for subnet in concat(values(aws_subnet.public), values(aws_subnet.private)) : subnet.cidr_block] == ["10.40.0.0/20", "10.40.16.0/20", "10.40.32.0/20", "10.40.128.0/20", "10.40.144.0/20", "10.40.160.0/20"]
    error_message = "sixteenths of the range: load balancers from the first, tasks from the eighth on"
  }
}

run "one_nat_gateway_serves_every_zone_when_told_so" {
  variables {
    nat_per_zone = false
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(distinct(flatten([for table in aws_route_table.private : [for route in table.route : route.nat_gateway_id]]))) == 1
    error_message = "one gateway, in every private route table"
  }
}

run "a_range_too_small_is_refused" {
  command = plan

  variables {
    cidr = "10.40.0.0/24"
  }

  expect_failures = [var.cidr]
}

run "what_is_no_range_is_refused" {
  command = plan

  variables {
    cidr = "ten"
  }

  expect_failures = [var.cidr]
}

run "one_zone_is_refused" {
  command = plan

  variables {
    zones = ["eu-central-1a"]
  }

  expect_failures = [var.zones]
}
