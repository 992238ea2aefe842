// Viewer request: only delivery directives stay, in the order of 8216bis 6.3.2, so that equal requests are one cached object.
// A directive that is not well formed stays as it is: the origin answers it 400.
function handler(event) {
  var request = event.request;
  var query = request.querystring;
  var canonical = {};
  ["_HLS_msn", "_HLS_part", "_HLS_skip"].forEach(function (name) {
    if (query[name]) {
      // The first of several equal names counts, as it does at the origin.
      canonical[name] = { value: query[name].value };
    }
  });
  request.querystring = canonical;
  return request;
}
