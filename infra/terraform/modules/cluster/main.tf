resource "aws_ecs_cluster" "this" {
  name = var.name

  # Network and CPU of each task: what egress and encode headroom are scaled by.
  setting {
    name  = "containerInsights"
    value = "enhanced"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name = aws_ecs_cluster.this.name
  # No spot capacity: it is taken back with two minutes' notice, in the middle of a show.
  capacity_providers = ["FARGATE"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}

resource "aws_service_discovery_private_dns_namespace" "this" {
  name        = var.private_domain
  description = "${var.name}: origins by cell"
  vpc         = var.vpc_id
}
