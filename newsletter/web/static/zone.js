// Preselects the browser's own time zone where none is chosen yet. The form works without it, and nothing is sent
// before the reader presses its button.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const select = document.getElementById("zone");
if (select && select.value === "" && zone) {
  select.value = zone;
  if (select.value !== zone) {
    select.add(new Option(zone, zone, true, true)); // another name of a place in the list, which we know too
  }
}
