const [form, list] = [document.querySelector("form"), document.querySelector("ul")]

form.addEventListener("submit", async (event) => {
  event.preventDefault()
  const answer = await fetch(`/search/${encodeURIComponent(form.part.value)}`)
  list.replaceChildren(...(await answer.json()).map((name) => {
    const item = document.createElement("li")
    const button = document.createElement("button")
    button.textContent = `Order ${name}`
    button.addEventListener("click", () => fetch(`/orders/${encodeURIComponent(name)}`, { method: "POST" }))
    item.append(button)
    return item
  }))
})
