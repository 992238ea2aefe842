output "cluster" {
  description = "The ECS cluster: its ARN and name."
  value       = { arn = aws_ecs_cluster.this.arn, name = aws_ecs_cluster.this.name }
}

output "namespace" {
  description = "The private DNS namespace of the tasks: its id and domain."
  value       = { id = aws_service_discovery_private_dns_namespace.this.id, domain = aws_service_discovery_private_dns_namespace.this.name }
}
