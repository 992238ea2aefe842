mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  name        = "live-shop"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k"
}

run "only_the_named_distribution_reads" {
  variables {
    reader_distribution_arns = ["arn:aws:cloudfront::123456789012:distribution/D"]
  }

  assert {
    condition = [for statement in data.aws_iam_policy_document.archive.statement : [for condition in statement.condition : condition.values] if statement.effect != "Deny"] == [
      [tolist(["arn:aws:cloudfront::123456789012:distribution/D"])]
    ]
    error_message = "CloudFront, and of all distributions this one"
  }
}

run "without_a_distribution_nobody_reads" {
  assert {
    condition     = [for statement in data.aws_iam_policy_document.archive.statement : statement.effect] == ["Deny"]
    error_message = "nothing but a refusal of what is not TLS"
  }
}

run "replays_are_kept_for_ever_when_told_so" {
  variables {
    days_until_deleted = null
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.archive.rule[0].expiration) == 0
    error_message = "no expiration"
  }
}

run "deleting_before_cooling_is_refused" {
  command = plan

  variables {
    days_until_cold    = 90
    days_until_deleted = 60
  }

  expect_failures = [var.days_until_deleted]
}
