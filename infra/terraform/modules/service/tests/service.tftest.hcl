mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
}

variables {
  name                 = "live-shop-edge"
  cluster              = { arn = "arn:aws:ecs:eu-central-1:123456789012:cluster/live-shop", name = "live-shop" }
  vpc_id               = "vpc-1"
  subnet_ids           = ["subnet-1"]
  program              = "vitrine-edge"
  image                = "r/vitrine-edge@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  collector_image      = "r/collector@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  pull_repository_arns = ["arn:aws:ecr:eu-central-1:123456789012:repository/vitrine-edge"]
  cpu                  = 1024
  memory_mib           = 2048
  config               = "[http]\nlisten = \"0.0.0.0:8081\"\n"
  http_port            = 8081
  metrics              = ["^vitrine_edge_.*$"]
  tasks                = { min = 0, max = 4 }
  scales_in            = true
  kms_key_arn          = "arn:aws:kms:eu-central-1:123456789012:key/k"

  shows = {
    gala = { raise = "at(2026-12-05T19:30:00)", lower = "at(2026-12-05T22:30:00)", timezone = "Europe/Berlin", min_tasks = 3 }
  }
}

run "the_program_runs_without_privileges" {
  assert {
    condition = alltrue([for container in jsondecode(aws_ecs_task_definition.this.container_definitions) :
      container.readonlyRootFilesystem && container.linuxParameters.capabilities.drop == ["ALL"]
    ])
    error_message = "no capability, nothing to write to"
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].user == "10001:10001"
    error_message = "not root"
  }
}

run "a_secret_configuration_is_named_and_not_copied" {
  variables {
    config            = null
    config_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x"
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].secrets == [{ name = "VITRINE_CONFIG", valueFrom = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x" }]
    error_message = "by its ARN"
  }

  assert {
    condition     = length(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment) == 0
    error_message = "nothing of it in the environment"
  }
}

run "the_end_of_a_show_leaves_scaling_in_to_the_policies" {
  assert {
    condition     = aws_appautoscaling_scheduled_action.lower["gala"].scalable_target_action[0].max_capacity == "4"
    error_message = "the maximum stays"
  }
}

run "where_no_policy_scales_in_the_end_of_a_show_does" {
  variables {
    scales_in = false
  }

  assert {
    condition     = aws_appautoscaling_scheduled_action.lower["gala"].scalable_target_action[0].max_capacity == "0" && aws_appautoscaling_scheduled_action.raise["gala"].scalable_target_action[0].max_capacity == "4"
    error_message = "the maximum is lowered, and raised by the next show"
  }
}

run "two_configurations_are_refused" {
  command = plan

  variables {
    config_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x"
  }

  expect_failures = [aws_ecs_task_definition.this]
}

run "a_tag_is_refused" {
  command = plan

  variables {
    image = "r/vitrine-edge:latest"
  }

  expect_failures = [var.image]
}

run "a_show_beyond_the_most_tasks_is_refused" {
  command = plan

  variables {
    shows = { gala = { raise = "at(2026-12-05T19:30:00)", lower = "at(2026-12-05T22:30:00)", min_tasks = 5 } }
  }

  expect_failures = [var.shows]
}

run "a_show_at_no_time_is_refused" {
  command = plan

  variables {
    shows = { gala = { raise = "tomorrow", lower = "at(2026-12-05T22:30:00)", min_tasks = 2 } }
  }

  expect_failures = [var.shows]
}
