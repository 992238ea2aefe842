resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster.name}/${aws_ecs_service.this.name}"
  min_capacity       = var.tasks.min
  max_capacity       = var.tasks.max
}

resource "aws_appautoscaling_scheduled_action" "raise" {
  for_each = var.shows

  name               = "${var.name}-${each.key}-raise"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id
  schedule           = each.value.raise
  timezone           = each.value.timezone

  scalable_target_action {
    min_capacity = each.value.min_tasks
    max_capacity = var.tasks.max
  }
}

resource "aws_appautoscaling_scheduled_action" "lower" {
  for_each = var.shows

  name               = "${var.name}-${each.key}-lower"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id
  schedule           = each.value.lower
  timezone           = each.value.timezone

  scalable_target_action {
    min_capacity = var.tasks.min
    # A lower minimum ends no task; where no policy scales in, the maximum has to.
    max_capacity = var.scales_in ? var.tasks.max : var.tasks.min
  }

  # Application Auto Scaling refuses two changes of one target at the same time.
  depends_on = [aws_appautoscaling_scheduled_action.raise]
}
