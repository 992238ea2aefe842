mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
}

variables {
  name                      = "live-shop"
  cell                      = "a"
  channels                  = ["atelier", "outlet"]
  cluster                   = { arn = "arn:aws:ecs:eu-central-1:123456789012:cluster/live-shop", name = "live-shop" }
  namespace                 = { id = "ns-1", domain = "vitrine.internal" }
  vpc_id                    = "vpc-1"
  private_subnet_ids        = ["subnet-1", "subnet-2"]
  public_subnet_ids         = ["subnet-3", "subnet-4"]
  reader_security_group_ids = { edge = "sg-1", balancer = "sg-2" }
  certificate_arn           = "arn:aws:acm:eu-central-1:123456789012:certificate/x"
  image                     = "r/vitrine@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  collector_image           = "r/collector@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  pull_repository_arns      = ["arn:aws:ecr:eu-central-1:123456789012:repository/vitrine"]
  archive                   = { bucket = "archive", arn = "arn:aws:s3:::archive" }
  kms_key_arn               = "arn:aws:kms:eu-central-1:123456789012:key/k"
  logs_bucket               = "logs"

  control = {
    listener_arn   = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/x/1/2"
    secret_header  = "X-Vitrine-Cdn"
    secrets        = ["0123456789abcdef0123456789abcdef"]
    first_priority = 100
  }
}

run "the_longest_names_fit" {
  variables {
    name = "abcdefghijklmno"
    cell = "abcd"
    srt  = true
  }

  assert {
    condition     = alltrue([for name in [aws_lb.ingest.name, aws_lb_target_group.rtmp.name, aws_lb_target_group.srt[0].name, aws_lb_target_group.control.name] : length(name) <= 32])
    error_message = "load balancers and target groups have at most 32 characters"
  }
}

run "encoders_come_by_tls_and_by_nothing_else" {
  assert {
    condition     = keys(aws_vpc_security_group_ingress_rule.encoders) == ["rtmps 0.0.0.0/0"]
    error_message = "port 443 only"
  }

  assert {
    condition     = aws_lb_listener.rtmps.protocol == "TLS" && length(aws_lb_listener.rtmp) == 0 && length(aws_lb_listener.srt) == 0
    error_message = "no listener for plain RTMP or SRT unless asked for"
  }
}

run "srt_when_asked_for" {
  variables {
    srt = true
  }

  assert {
    condition     = aws_lb_listener.srt[0].protocol == "UDP" && keys(aws_vpc_security_group_ingress_rule.encoders) == ["rtmps 0.0.0.0/0", "srt 0.0.0.0/0"]
    error_message = "port 9000/udp as well"
  }
}

run "a_channels_api_goes_to_its_cell" {
  assert {
    condition     = { for channel, rule in aws_lb_listener_rule.control : channel => rule.priority } == { atelier = 100, outlet = 101 }
    error_message = "a rule for each channel"
  }

  assert {
    condition     = flatten([for condition in aws_lb_listener_rule.control["outlet"].condition : [for path in condition.path_pattern : tolist(path.values)]]) == ["/v1/channels/outlet/*"]
    error_message = "what is under the channel's path, and not the status"
  }
}

run "edges_find_the_cell_by_name" {
  assert {
    condition     = output.url == "http://a.vitrine.internal:8080"
    error_message = "CELL.DOMAIN"
  }
}

run "an_archive_is_of_these_channels_alone" {
  assert {
    condition     = data.aws_iam_policy_document.archive.statement[0].resources == toset(["arn:aws:s3:::archive/archive/atelier/*", "arn:aws:s3:::archive/archive/outlet/*"])
    error_message = "another cell's replays cannot be written"
  }
}

run "a_cell_of_several_tasks_grows_by_encode_headroom_and_never_shrinks" {
  variables {
    tasks = { min = 1, max = 4 }
  }

  assert {
    condition     = aws_appautoscaling_policy.encode_headroom[0].target_tracking_scaling_policy_configuration[0].disable_scale_in
    error_message = "an encoder that is here stays here"
  }
}

run "readable_stream_keys_from_anywhere_are_refused" {
  command = plan

  variables {
    plain_rtmp = true
  }

  expect_failures = [var.plain_rtmp]
}

run "a_part_beyond_a_second_is_refused" {
  command = plan

  variables {
    packaging = { target_duration_seconds = 2, part_target_seconds = 1.5 }
  }

  expect_failures = [var.packaging]
}

run "channel_names_are_those_of_urls" {
  command = plan

  variables {
    channels = ["Gala!"]
  }

  expect_failures = [var.channels]
}
