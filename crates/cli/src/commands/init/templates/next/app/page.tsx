export default function Page() {
  return <p>Delete a job to record an event: curl -X DELETE http://localhost:3000/jobs/42</p>;
}
