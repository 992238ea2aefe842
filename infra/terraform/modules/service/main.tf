data "aws_region" "current" {}

locals {
  # The shell hands the configuration over by a pipe, so that it is never in a file, and takes it out of the environment.
  start = <<-SH
    config=$VITRINE_CONFIG
    unset VITRINE_CONFIG
    exec ${var.program} --config /dev/stdin <<TOML
    $config
    TOML
  SH

  log_configuration = {
    for container in [var.program, "collector"] : container => {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.current.region
        awslogs-stream-prefix = container
        # A log service in trouble must not stop a show: the newest lines are dropped instead.
        mode            = "non-blocking"
        max-buffer-size = "4m"
      }
    }
  }

  ports = merge({ http = { port = var.http_port, protocol = "tcp" } }, var.other_ports)
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/vitrine/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_ecs_task_definition" "this" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory_mib
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  container_definitions = jsonencode([
    {
      name                   = var.program
      image                  = var.image
      essential              = true
      user                   = "10001:10001"
      readonlyRootFilesystem = true
      entryPoint             = ["/bin/sh", "-euc"]
      command                = [local.start]
      stopTimeout            = var.stop_timeout_seconds
      environment = [for name, value in merge(
        var.environment,
        var.config == null ? {} : { VITRINE_CONFIG = var.config },
      ) : { name = name, value = value }]
      secrets      = [for arn in var.config_secret_arn[*] : { name = "VITRINE_CONFIG", valueFrom = arn }]
      portMappings = [for name, port in local.ports : { name = name, containerPort = port.port, hostPort = port.port, protocol = port.protocol }]
      # One descriptor for each viewer that waits, and some.
      ulimits          = [{ name = "nofile", softLimit = 65536, hardLimit = 65536 }]
      linuxParameters  = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
      logConfiguration = local.log_configuration[var.program]
    },
    {
      name                   = "collector"
      image                  = var.collector_image
      essential              = false
      readonlyRootFilesystem = true
      environment            = [{ name = "AOT_CONFIG_CONTENT", value = local.collector_config }]
      linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
      logConfiguration       = local.log_configuration["collector"]
    },
  ])

  lifecycle {
    precondition {
      condition     = (var.config == null) != (var.config_secret_arn == null)
      error_message = "Give either config or config_secret_arn."
    }
  }
}

resource "aws_security_group" "this" {
  name        = var.name
  description = "Tasks of ${var.name}"
  vpc_id      = var.vpc_id

  tags = { Name = var.name }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.this.id
  description       = "AWS by endpoints and NAT: images, logs, metrics, secrets, archive"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_ecs_service" "this" {
  name                               = var.name
  cluster                            = var.cluster.arn
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = var.tasks.min
  platform_version                   = "1.4.0"
  deployment_minimum_healthy_percent = var.replace_percent.min
  deployment_maximum_percent         = var.replace_percent.max
  health_check_grace_period_seconds  = length(var.load_balancers) > 0 ? 60 : null
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"

  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [aws_security_group.this.id]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = var.load_balancers

    content {
      target_group_arn = load_balancer.value.target_group_arn
      container_name   = var.program
      container_port   = load_balancer.value.port
    }
  }

  dynamic "service_registries" {
    for_each = var.registry_arn[*]

    content {
      registry_arn = service_registries.value
    }
  }

  lifecycle {
    # Scaling decides how many.
    ignore_changes = [desired_count]
  }

  depends_on = [aws_iam_role_policy.execution]
}
