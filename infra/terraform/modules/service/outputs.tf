output "name" {
  description = "Name of the ECS service."
  value       = aws_ecs_service.this.name
}

output "security_group_id" {
  description = "The tasks' security group; it lets nothing in by itself."
  value       = aws_security_group.this.id
}

output "scaling_target" {
  description = "What scaling policies refer to."
  value = {
    service_namespace  = aws_appautoscaling_target.this.service_namespace
    scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
    resource_id        = aws_appautoscaling_target.this.resource_id
  }
}

output "metrics_namespace" {
  description = "CloudWatch namespace of the program's own metrics; their dimension is Service, the service's name."
  value       = local.metrics_namespace
}

output "log_group" {
  description = "Name of the program's log group."
  value       = aws_cloudwatch_log_group.this.name
}
