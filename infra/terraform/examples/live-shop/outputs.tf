output "viewer_urls" {
  description = "Where viewers begin; a channel's page is under /watch/CHANNEL, its playlist under /live/CHANNEL/index.m3u8."
  value       = module.dns.viewer_urls
}

output "obs" {
  description = "What to type into OBS, Settings, Stream, Custom: the server of each cell. The stream key is in the cell's secret."
  value       = { for cell, _ in var.cells : cell => "rtmps://${cell}.${local.ingest_domain}:443/live" }
}

output "config_secret_arns" {
  description = "The secrets to put each cell's vitrine.toml into before the first start."
  value       = { for cell, origin in module.origin : cell => origin.config_secret_arn }
}

output "signing_key_ids" {
  description = "Key-Pair-Id of each signing key."
  value       = module.cdn.signing_key_ids
}

output "alarm_topic_arn" {
  description = "The topic of alarms."
  value       = module.observability.topic_arn
}

output "dashboard" {
  description = "Name of the CloudWatch dashboard."
  value       = module.observability.dashboard
}
