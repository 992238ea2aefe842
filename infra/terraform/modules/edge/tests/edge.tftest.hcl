mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
}

variables {
  name                 = "live-shop"
  cluster              = { arn = "arn:aws:ecs:eu-central-1:123456789012:cluster/live-shop", name = "live-shop" }
  vpc_id               = "vpc-1"
  private_subnet_ids   = ["subnet-1", "subnet-2"]
  image                = "r/vitrine-edge@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  collector_image      = "r/collector@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  pull_repository_arns = ["arn:aws:ecr:eu-central-1:123456789012:repository/vitrine-edge"]
  kms_key_arn          = "arn:aws:kms:eu-central-1:123456789012:key/k"

  origins = {
    a = { url = "http://a.vitrine.internal:8080", channels = ["atelier", "outlet"] }
    b = { url = "http://b.vitrine.internal:8080", channels = ["gala"] }
  }

  balancer = {
    listener_arn      = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/x/1/2"
    security_group_id = "sg-1"
    arn_suffix        = "app/x/1"
    secret_header     = "X-Vitrine-Cdn"
    secrets           = ["0123456789abcdef0123456789abcdef"]
  }
}

run "the_edges_know_which_cell_has_which_channel" {
  assert {
    condition = output.config == join("\n", [
      "[http]",
      "listen = \"0.0.0.0:8081\"",
      "[cache]",
      "memory_mib = 4096",
      "[[origin]]",
      "url = \"http://a.vitrine.internal:8080\"",
      "channels = [\"atelier\",\"outlet\"]",
      "[[origin]]",
      "url = \"http://b.vitrine.internal:8080\"",
      "channels = [\"gala\"]",
    ])
    error_message = "vitrine-edge.toml as the edge reads it"
  }
}

run "only_the_cdn_gets_through_and_nobody_to_the_operators_pages" {
  assert {
    condition     = [for condition in aws_lb_listener_rule.edge.condition : condition.http_header[0].http_header_name] == ["X-Vitrine-Cdn"]
    error_message = "the rule asks for the CDN's header"
  }

  assert {
    condition     = aws_lb_listener_rule.not_for_viewers.priority < aws_lb_listener_rule.edge.priority
    error_message = "refused before it is forwarded"
  }
}

run "the_longest_name_fits" {
  variables {
    name = "abcdefghijklmnopqrstuvw"
  }

  assert {
    condition     = length(aws_lb_target_group.edge.name) <= 32
    error_message = "target groups have at most 32 characters"
  }
}

run "edges_follow_viewers_egress_and_cpu" {
  assert {
    condition = (
      aws_appautoscaling_policy.viewers.target_tracking_scaling_policy_configuration[0].target_value == 8000
      && aws_appautoscaling_policy.egress.target_tracking_scaling_policy_configuration[0].target_value == 250000000
      && aws_appautoscaling_policy.cpu.target_tracking_scaling_policy_configuration[0].target_value == 50
    )
    error_message = "each target is its policy's"
  }

  assert {
    condition     = aws_appautoscaling_policy.predictive[0].predictive_scaling_policy_configuration[0].mode == "ForecastOnly"
    error_message = "a forecast does not act before somebody has looked at it"
  }
}

run "a_channel_in_two_cells_is_refused" {
  command = plan

  variables {
    origins = {
      a = { url = "http://a.vitrine.internal:8080", channels = ["gala"] }
      b = { url = "http://b.vitrine.internal:8080", channels = ["gala"] }
    }
  }

  expect_failures = [var.origins]
}

run "a_single_edge_is_refused" {
  command = plan

  variables {
    tasks = { min = 1, max = 3 }
  }

  expect_failures = [var.tasks]
}
