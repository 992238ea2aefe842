mock_provider "aws" {}

variables {
  name            = "live-shop"
  vpc_id          = "vpc-1"
  subnet_ids      = ["subnet-1", "subnet-2"]
  certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/x"
  cdn_secrets     = ["0123456789abcdef0123456789abcdef"]
  logs_bucket     = "logs"
}

run "connections_outlive_every_hold_and_the_cdns_own_patience" {
  variables {
    hold_seconds = 30
  }

  assert {
    condition     = aws_lb.this.idle_timeout > 60 && aws_lb.this.idle_timeout > 30
    error_message = "above CloudFront's keep-alive and above the hold"
  }
}

run "who_knows_no_secret_is_refused" {
  assert {
    condition     = aws_lb_listener.https.default_action[0].fixed_response[0].status_code == "403"
    error_message = "the default is a refusal"
  }
}

run "a_short_secret_is_refused" {
  command = plan

  variables {
    cdn_secrets = ["short"]
  }

  expect_failures = [var.cdn_secrets]
}
