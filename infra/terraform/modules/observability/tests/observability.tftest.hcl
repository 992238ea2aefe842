mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  name            = "live-shop"
  kms_key_arn     = "arn:aws:kms:eu-central-1:123456789012:key/k"
  cluster_name    = "live-shop"
  distribution_id = "D"
  web_acl_name    = "live-shop"

  edge = {
    service_name            = "live-shop-edge"
    tasks                   = { min = 3, max = 30 }
    balancer_arn_suffix     = "app/x/1"
    target_group_arn_suffix = "targetgroup/e/1"
  }

  origins = {
    a = { service_name = "live-shop-origin-a", balancer_arn_suffix = "net/a/1", target_group_arn_suffix = "targetgroup/a/1", always_on = true }
    b = { service_name = "live-shop-origin-b", balancer_arn_suffix = "net/b/1", target_group_arn_suffix = "targetgroup/b/1", always_on = false }
  }
}

run "a_cell_that_is_off_between_shows_alarms_nobody" {
  assert {
    condition     = aws_cloudwatch_metric_alarm.regional["origin-a-down"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.regional["origin-b-down"].treat_missing_data == "notBreaching"
    error_message = "no data is an outage of a, and an evening without a show for b"
  }
}

run "every_alarm_says_what_to_do" {
  assert {
    condition     = alltrue([for alarm in merge(aws_cloudwatch_metric_alarm.regional, aws_cloudwatch_metric_alarm.cdn) : length(alarm.alarm_description) > 80])
    error_message = "a description of more than a name"
  }
}

run "no_widget_overlaps_another" {
  assert {
    condition     = length(distinct([for widget in jsondecode(aws_cloudwatch_dashboard.show.dashboard_body).widgets : "${widget.x} ${widget.y}"])) == length(jsondecode(aws_cloudwatch_dashboard.show.dashboard_body).widgets)
    error_message = "each has its place"
  }
}
