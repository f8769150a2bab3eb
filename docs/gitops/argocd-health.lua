-- Health of the kinds of bpo-operator.io for Argo CD. Healthy says that the operator works with the object, not that the vendor met its
-- targets: those are in the conditions SLACompliant and AtRisk, and a missed target must not stop a roll-out.
local health = {status = "Progressing", message = "waiting for the operator"}
if obj.kind == "SlaReport" then
  health.status = "Healthy"
  health.message = "revision " .. tostring(obj.spec.revision) .. ", " .. obj.spec.state
  return health
end
if obj.status == nil or obj.status.conditions == nil then
  return health
end
if obj.status.observedGeneration ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Stalled" and condition.status == "True" then
    health.status = "Degraded"
    health.message = condition.message
    return health
  end
end
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" then
    health.message = condition.message
    if condition.status == "True" then
      health.status = "Healthy"
      if condition.reason == "Suspended" then
        health.status = "Suspended"
      end
    end
    return health
  end
end
return health
